"""Near-duplicates: how many planted copies are found, what is flagged besides, and what it costs."""

import sys
import numpy as np, cv2, glob
from pathlib import Path
from segpipe.images import decode

def jpeg(q): return lambda i, r: cv2.imdecode(cv2.imencode(".jpg", i, [cv2.IMWRITE_JPEG_QUALITY, q])[1], cv2.IMREAD_COLOR)
def size(f): return lambda i, r: cv2.resize(i, None, fx=f, fy=f, interpolation=cv2.INTER_AREA if f < 1 else cv2.INTER_LINEAR)
def crop(share):
    def go(i, r):
        h, w = (max(1, round(s * share ** 0.5)) for s in i.shape[:2])
        y, x = r.integers(0, i.shape[0] - h + 1), r.integers(0, i.shape[1] - w + 1)
        return np.ascontiguousarray(i[y:y+h, x:x+w])
    return go
def seq(*fs):
    def go(i, r):
        for f in fs: i = f(i, r)
        return np.ascontiguousarray(i)
    return go
def rot(deg):
    def go(i, r):
        h,w=i.shape[:2]; M=cv2.getRotationMatrix2D((w/2,h/2),deg,1); return cv2.warpAffine(i,M,(w,h),borderMode=cv2.BORDER_REFLECT)
    return go
flip=lambda i,r: i[:, ::-1]
PLANTS = {
 "same": lambda i,r:i.copy(),
 "jpeg90": jpeg(90), "jpeg60": jpeg(60), "jpeg30": jpeg(30),
 "size0.5": size(.5), "size0.7": size(.7), "size1.5": size(1.5),
 "hflip": seq(flip), "vflip": seq(lambda i,r:i[::-1]), "turn90": seq(lambda i,r:np.rot90(i)),
 "bright": lambda i,r: np.clip(i*1.3+20,0,255).astype(np.uint8), "dark": lambda i,r: np.clip(i*.6+10,0,255).astype(np.uint8), "gamma": lambda i,r:(255*(i/255)**1.6).astype(np.uint8),
 "crop80": crop(.8), "crop60": crop(.6), "crop40": crop(.4), "crop25": crop(.25),
 "crop60flip": seq(crop(.6),flip), "crop40flip": seq(crop(.4),flip), "crop40turn": seq(crop(.4), lambda i,r:np.rot90(i)),
 "crop60full": lambda i,r: cv2.resize(crop(.6)(i,r), i.shape[1::-1]), "crop25full": lambda i,r: cv2.resize(crop(.25)(i,r), i.shape[1::-1]),
 "crop60 size.7 q60": seq(crop(.6),size(.7),jpeg(60)), "crop40 size.7 q60": seq(crop(.4),size(.7),jpeg(60)),
 "pad10": lambda i,r: cv2.copyMakeBorder(i,i.shape[0]//10,i.shape[0]//10,i.shape[1]//10,i.shape[1]//10,cv2.BORDER_CONSTANT), "pad25w": lambda i,r: cv2.copyMakeBorder(i,i.shape[0]//4,i.shape[0]//4,i.shape[1]//4,i.shape[1]//4,cv2.BORDER_CONSTANT,value=(255,255,255)),
 "rot10": rot(10), "rot45": rot(45),
}
